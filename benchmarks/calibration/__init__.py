"""Are the statistics calibrated? Tests on networks that share nothing, sharing on networks that share a known part."""
