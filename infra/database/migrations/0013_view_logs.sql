-- A view's entries can be made anew from cdc.*, into a log of their own. Each generation holds the entries of one log; 1 is the first.
alter table commerce.view_generations
  add column active_log   integer not null default 1 check (active_log > 0),
  add column building_log integer check (building_log > 0),
  add column previous_log integer check (previous_log > 0),
  -- By log after the first: the logs of other views that it is made from.
  add column log_inputs   jsonb not null default '{}' check (jsonb_typeof(log_inputs) = 'object');
-- What is there now follows the first logs.
update commerce.view_generations set building_log = 1 where building is not null;
update commerce.view_generations set previous_log = 1 where previous is not null;
alter table commerce.view_generations
  add constraint view_generations_building_log check ((building is null) = (building_log is null)),
  add constraint view_generations_previous_log check ((previous is null) = (previous_log is null));
