"""The platform, or the stand-in as if it were: driven by the platform's API, through its SDK."""
