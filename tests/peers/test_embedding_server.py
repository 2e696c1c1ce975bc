"""A real server of embeddings, and the official client of OpenAI as the second opinion."""

import base64

import numpy as np
import openai

from conftest import corpus

TEMPLATE_PARTS = ("prompt", "response")  # the default template embeds them apart


def stored(daemon):
    rows = daemon.get("/v1/items?limit=1000&embeddings=true")["items"]
    return {row["id"]: np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in rows}


def test_stored_embeddings_are_those_that_the_official_client_gets(embedded, embedding_server):
    client = openai.OpenAI(base_url=embedding_server, api_key="not needed")
    items = corpus(36)[:6]
    found = stored(embedded)
    for item in items:
        texts = [item[part] for part in TEMPLATE_PARTS]
        answer = client.embeddings.create(model="multilingual-e5-small-q4", input=texts,
                                          encoding_format="float")
        expected = np.concatenate([row.embedding for row in answer.data]).astype("<f4")
        assert found[item["id"]].shape == expected.shape == (768,)
        assert np.allclose(found[item["id"]], expected, atol=2e-3)


def test_texts_are_scored_without_being_stored(embedded):
    item = corpus(36)[0]
    texts = {"prompt": item["prompt"], "response": item["response"]}
    scores = embedded.post("/v1/score", {"items": [item["id"], texts]})["scores"]
    assert abs(scores[0]["reward"] - scores[1]["reward"]) < 0.05
    assert len(embedded.get("/v1/items?limit=1000")["items"]) == 36


def test_the_model_tells_who_embedded(embedded):
    embedder = embedded.model()["embedder"]
    assert embedder["dimension"] == 768 and embedder["name"] == "multilingual-e5-small-q4"
