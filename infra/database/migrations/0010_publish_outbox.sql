-- The outbox's rows become events.* records; the producer deletes them once the log holds them.

alter publication millrace add table commerce.outbox_events;
