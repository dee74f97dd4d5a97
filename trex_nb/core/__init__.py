"""The vocabulary: every type and protocol the floors above speak in. Pure; imports nothing of ours but `errors`."""
