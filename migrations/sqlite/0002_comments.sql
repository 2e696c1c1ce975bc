-- What annotators say beside their answer.

ALTER TABLE labels ADD COLUMN comment TEXT;
