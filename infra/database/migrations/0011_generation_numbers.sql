-- Numbers of generations are never used twice: what a store kept of an earlier one is never taken for the new.
alter table commerce.view_generations
  -- The highest number ever given to a generation of this view.
  add column last integer not null default 1 check (last > 0),
  -- Entries a second that a filling may write into a store; null for no limit.
  add column rate integer check (rate > 0);
