-- The comments that annotators add to their answers.

ALTER TABLE labels ADD COLUMN comment TEXT;
