"""Research tools: papers, the Hugging Face hub, local files, and the servers a person names. All of them only read."""
