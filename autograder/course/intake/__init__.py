"""What `collect` is made of: downloads, files, submissions, rosters, people."""
