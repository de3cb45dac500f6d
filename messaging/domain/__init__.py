"""What the product knows without talking to anybody: values in, values out."""
