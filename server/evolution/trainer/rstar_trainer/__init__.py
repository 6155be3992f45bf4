"""Trains the LoRA adapters of rStar-Math's policy (SFT) and process preference model (PPM)."""
