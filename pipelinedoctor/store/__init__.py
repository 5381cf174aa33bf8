"""The only archive: one DuckDB file, its migrations, its writer, and the frames that queries see."""
