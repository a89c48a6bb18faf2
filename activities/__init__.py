"""One effect each: a shell around a use case of `shared.lifecycle`. Running twice is harmless."""
