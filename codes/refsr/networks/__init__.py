"""Networks: plain modules that know no device, no file and no option object."""
