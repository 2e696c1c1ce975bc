-- The rows of migrations/sqlite, and what the replicas of a store need to share them.

-- One row, which a replica locks from the beginning of a transaction to its end. A replica numbers
-- what it adds by the counts, which are those of all committed rows: numbers have no gaps, also
-- after a failover, as those of a sequence would.
CREATE TABLE clock (
    one         bigint PRIMARY KEY CHECK (one = 1),
    version     bigint NOT NULL,            -- of the schema
    tick        bigint NOT NULL,            -- transactions of the history
    nonce       bigint NOT NULL,            -- of the newest one, as in ticks
    items       bigint NOT NULL,
    labels      bigint NOT NULL,            -- revisions
    scores      bigint NOT NULL,            -- the newest sequence of item_scores
    assignments bigint NOT NULL,            -- the newest sequence of assignments
    project     bigint NOT NULL             -- its newest version
) WITH (fillfactor = 10);

-- The newest transactions. By its nonce a replica knows one again: a failover may have lost it, and
-- put another one in its place.
CREATE TABLE ticks (
    tick  bigint PRIMARY KEY,
    nonce bigint NOT NULL
);

CREATE TABLE replicas (
    id       text PRIMARY KEY,
    url      text,
    seen     timestamptz NOT NULL,
    tick     bigint NOT NULL,
    prepared bigint NOT NULL,
    serving  bigint NOT NULL
);

-- Which replica trains, and until when it has the right to. The epoch is one more for each holder.
CREATE TABLE learner (
    one     bigint PRIMARY KEY CHECK (one = 1),
    replica text,
    epoch   bigint NOT NULL,
    until   timestamptz
) WITH (fillfactor = 10);
INSERT INTO learner VALUES (1, NULL, 0, NULL);

-- Foreign keys would lock a row of items for each label. Indices have no gaps, so that those below
-- clock.items are there; fisherd check looks for others.
CREATE TABLE items (
    idx        bigint PRIMARY KEY CHECK (idx BETWEEN 0 AND 4294967295),
    id         text COLLATE "C" NOT NULL UNIQUE,
    prompt_id  text NOT NULL,
    created_ms bigint NOT NULL,
    prompt     text,
    response   text,
    metadata   text
);

-- An item may have a vector of each embedder. 0: the vector came with the item.
CREATE TABLE item_embeddings (
    embedder bigint NOT NULL CHECK (embedder >= 0),
    idx      bigint NOT NULL,
    bytes    bytea NOT NULL CHECK (octet_length(bytes) % 4 = 0),
    PRIMARY KEY (embedder, idx)
);
ALTER TABLE item_embeddings ALTER COLUMN bytes SET STORAGE EXTERNAL; -- trying to compress is in vain

CREATE TABLE serving_embedder (
    one      bigint PRIMARY KEY CHECK (one = 1),
    embedder bigint NOT NULL CHECK (embedder >= 0)
);
INSERT INTO serving_embedder VALUES (1, 0);

CREATE TABLE embedders (
    embedder   bigint PRIMARY KEY CHECK (embedder >= 0),
    tick       bigint NOT NULL,
    name       text NOT NULL,
    template   text NOT NULL,
    dimension  bigint NOT NULL CHECK (dimension > 0),
    probes     bytea NOT NULL
        CHECK (octet_length(probes) > 0 AND octet_length(probes) % (4 * dimension) = 0),
    created_ms bigint NOT NULL
);

CREATE TABLE item_text_features (
    idx     bigint PRIMARY KEY,
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 4294967295), -- of the extractor
    bytes   bytea NOT NULL CHECK (octet_length(bytes) % 4 = 0)
);

-- The history of scores; the newest row of an item and a name counts. NULL: withdrawn.
CREATE TABLE item_scores (
    sequence bigint PRIMARY KEY CHECK (sequence > 0),
    idx      bigint NOT NULL,
    name     text COLLATE "C" NOT NULL,
    value    double precision,
    set_ms   bigint NOT NULL
);
CREATE INDEX item_scores_by_name ON item_scores (idx, name, sequence);

-- Each change of the settings is a row of all of them, as JSON.
CREATE TABLE project (
    version    bigint PRIMARY KEY CHECK (version > 0),
    author     text,
    created_ms bigint NOT NULL,
    settings   text NOT NULL
);

CREATE TABLE labels (
    sequence    bigint PRIMARY KEY CHECK (sequence > 0),
    id          text COLLATE "C" NOT NULL,
    revision    bigint NOT NULL CHECK (revision BETWEEN 0 AND 4294967295),
    item_a      bigint NOT NULL,
    item_b      bigint NOT NULL,
    preference  text NOT NULL CHECK (preference IN ('a', 'b', 'tie', 'skip', 'retracted')),
    annotator   text NOT NULL,
    assignment  text COLLATE "C",
    duration_ms bigint NOT NULL,
    created_ms  bigint NOT NULL,
    comment     text,
    UNIQUE (id, revision),
    CHECK (item_a <> item_b)
);

-- The pairs that were handed out. NULL: unknown. `tick` is that of the newest change.
CREATE TABLE assignments (
    id            text COLLATE "C" PRIMARY KEY,
    sequence      bigint NOT NULL,
    tick          bigint NOT NULL,
    item_a        bigint NOT NULL,
    item_b        bigint NOT NULL,
    annotator     text NOT NULL,
    slot          bigint CHECK (slot >= 0),
    arm           text NOT NULL CHECK (arm IN ('active', 'control')),
    p             double precision,
    gain          double precision,
    strategy      text,
    swapped       bigint CHECK (swapped IN (0, 1)),
    model_version bigint CHECK (model_version >= 0),
    expires_ms    bigint,
    ended_ms      bigint,                             -- NULL: open
    CHECK (item_a <> item_b)
);
CREATE INDEX assignments_that_are_open ON assignments (sequence) WHERE ended_ms IS NULL;
CREATE INDEX assignments_in_order ON assignments (sequence);
CREATE INDEX assignments_by_tick ON assignments (tick);

CREATE TABLE assignment_key (
    one   bigint PRIMARY KEY CHECK (one = 1),
    bytes bytea NOT NULL CHECK (octet_length(bytes) = 32)
);

CREATE TABLE models (
    version                    bigint PRIMARY KEY CHECK (version > 0),
    tick                       bigint NOT NULL,
    embedder                   bigint NOT NULL,
    state                      text NOT NULL CHECK (state IN ('active', 'stored', 'rejected')),
    reason                     text,
    parent                     bigint NOT NULL CHECK (parent BETWEEN 0 AND version - 1),
    scratch                    bigint CHECK (scratch IN (0, 1)),
    labels                     bigint NOT NULL,
    items                      bigint NOT NULL,
    iterations                 bigint NOT NULL,
    prior_precision            double precision,
    train_loss                 double precision,
    held_out_labels            bigint NOT NULL,
    held_out_loss              double precision,
    held_out_accuracy          double precision,
    held_out_accuracy_low      double precision,
    held_out_accuracy_high     double precision,
    held_out_calibration_error double precision,
    control_labels             bigint NOT NULL,
    control_accuracy           double precision,
    seconds                    double precision NOT NULL,
    created_ms                 bigint NOT NULL,
    answers                    bigint CHECK (answers >= 0),
    logdet                     double precision,
    unseen                     bytea CHECK (octet_length(unseen) % 8 = 0),
    bytes                      bytea NOT NULL CHECK (octet_length(bytes) > 0)
);
ALTER TABLE models ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX models_one_is_active ON models (state) WHERE state = 'active';

CREATE TABLE embedding_jobs (
    sequence    bigint PRIMARY KEY CHECK (sequence > 0),
    id          text NOT NULL UNIQUE,
    author      text NOT NULL,
    key         text,
    body_hash   bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    immediate   bigint NOT NULL CHECK (immediate IN (0, 1)),
    state       text NOT NULL
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    items       bigint NOT NULL,
    bytes       bigint NOT NULL,
    total       bigint NOT NULL,
    done        bigint NOT NULL CHECK (done BETWEEN 0 AND total),
    created     bigint NOT NULL,
    unchanged   bigint NOT NULL,
    error       text,
    embedder_ms bigint NOT NULL,
    created_ms  bigint NOT NULL,
    started_ms  bigint,
    finished_ms bigint
);
CREATE UNIQUE INDEX embedding_jobs_by_key ON embedding_jobs (author, key) WHERE key IS NOT NULL;

CREATE TABLE embedding_job_items (
    job     bigint NOT NULL REFERENCES embedding_jobs,
    place   bigint NOT NULL CHECK (place >= 0),
    wanted  bigint NOT NULL CHECK (wanted IN (0, 1)),
    content text NOT NULL,
    PRIMARY KEY (job, place)
);

CREATE TABLE embedding_job_vectors (
    job   bigint NOT NULL,
    place bigint NOT NULL,
    bytes bytea NOT NULL CHECK (octet_length(bytes) % 4 = 0),
    PRIMARY KEY (job, place),
    FOREIGN KEY (job, place) REFERENCES embedding_job_items
);
ALTER TABLE embedding_job_vectors ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- At most one row, without a meaning: after a failure the store writes it to see whether it can.
CREATE TABLE probe (
    one   bigint PRIMARY KEY CHECK (one = 1),
    bytes bytea NOT NULL
);
ALTER TABLE probe ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Bytes under a name, which a daemon of one process keeps in files beside its database.
CREATE TABLE shared_files (
    name    text PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    bytes   bytea NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of fisherd are not changed: new rows are added', TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER items_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON items
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER labels_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON labels
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER item_scores_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON item_scores
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER project_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON project
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
