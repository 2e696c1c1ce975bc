-- A replica sees with the clock that vectors of another embedder serve.
ALTER TABLE clock ADD COLUMN embedder bigint NOT NULL DEFAULT 0;
UPDATE clock SET embedder = (SELECT embedder FROM serving_embedder);
