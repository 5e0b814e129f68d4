-- A rebuild from the source reads its tables again before there is a generation to name: this is what the re-snapshots that belong to it are known by,
-- from its beginning until its generation is switched to or given up. Null: no rebuild from the source is under way.
alter table commerce.view_generations add column source_reading uuid;
