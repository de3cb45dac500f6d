"""Everything that speaks to Twilio, behind one gateway."""
