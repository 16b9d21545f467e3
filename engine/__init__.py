"""lianxin 连心: an event-driven workflow engine for public petitions and complaints (信访)."""
