"""Classical codecs behind one interface, measured exactly as the learned ones are."""
