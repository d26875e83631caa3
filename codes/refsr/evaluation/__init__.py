"""Evaluation: measures restored images of whole data sets, summarises the scores and writes them as files."""
