"""Enclosures: the validated engine of certificates and verification, from affine forms to proofs."""
