"""A generator's image put back into the photo that it was found for."""
