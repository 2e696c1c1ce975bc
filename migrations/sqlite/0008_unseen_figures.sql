-- Figures of a training about answers that its models had not seen: float64 numbers in the order of
-- fd_unseen_figures. NULL: the version is older.
ALTER TABLE models ADD COLUMN unseen BLOB CHECK (length(unseen) % 8 = 0);
