"""The platform's own API (version 2018-01-20) on the stand-in: what its SDK asks, answered."""
