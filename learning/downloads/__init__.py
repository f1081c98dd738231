"""Downloads public data sets and weights, checks their hashes, and unpacks archives."""
