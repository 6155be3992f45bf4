"""Tests of the trainer: a random Qwen2 of a few thousand weights, nothing is downloaded."""
