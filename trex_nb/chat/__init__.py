"""Language models over any OpenAI-compatible endpoint: asking, accounting, record and replay."""
