"""The agents: the offline Researcher, the template Executor, and what they think with. No torch, no I/O but
notebooks."""
