"""Who may call: API keys, tokens from an OpenID Connect issuer, and throttling."""
