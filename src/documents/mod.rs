//! Cutting documents into chunks. Pure: no model, no file, no network.
