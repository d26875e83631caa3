"""References laid on LR before samples are cut: made once, kept in a cache or in prepared folders."""
