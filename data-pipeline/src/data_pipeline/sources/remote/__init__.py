"""Sources on other machines: URLs and Hugging Face."""
