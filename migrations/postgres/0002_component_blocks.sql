-- The components of items, which a model's input statistics make of their embeddings, in blocks of
-- as many items: a start reads them instead of projecting. They can be made again at any time.
CREATE TABLE component_blocks (
    inputs text COLLATE "C" NOT NULL,                  -- a hash: whose components these are
    block  bigint NOT NULL CHECK (block >= 0),
    bytes  bytea NOT NULL,
    PRIMARY KEY (inputs, block)
);
ALTER TABLE component_blocks ALTER COLUMN bytes SET STORAGE EXTERNAL;
