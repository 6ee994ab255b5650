"""Bytes by key: outputs of predictions and inputs too large for their row."""
