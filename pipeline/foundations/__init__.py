"""Ground floor: settings, files, downloads, codes, errors. No Dagster and no rule of the domain belongs here."""
