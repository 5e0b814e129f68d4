-- Each change of the schema leaves a mark in the stream, in its own transaction: a logical message with the command's tag and its object. The
-- capture does not depend on it.

create schema if not exists millrace;

create function millrace.mark_ddl() returns event_trigger language plpgsql as $$
declare
  command record;
begin
  for command in
    select command_tag as tag, object_identity as object
    from pg_event_trigger_ddl_commands()
    where schema_name is distinct from 'pg_temp' and object_type in ('table', 'table column', 'index', 'publication relation', 'type')
  loop
    perform pg_logical_emit_message(true, 'millrace.ddl', json_build_object('tag', command.tag, 'object', command.object)::text);
  end loop;
exception when others then
  raise warning 'the schema change was not marked for the capture: %', sqlerrm;
end $$;

create function millrace.mark_dropped() returns event_trigger language plpgsql as $$
declare
  dropped record;
begin
  for dropped in
    select object_type, object_identity as object
    from pg_event_trigger_dropped_objects()
    where original and not is_temporary and object_type in ('table', 'table column', 'type')
  loop
    perform pg_logical_emit_message(true, 'millrace.ddl', json_build_object('tag', tg_tag, 'object', dropped.object)::text);
  end loop;
exception when others then
  raise warning 'the schema change was not marked for the capture: %', sqlerrm;
end $$;
