-- The marks of 0008, where this role may make event triggers: that takes a superuser.

do $$
begin
  create event trigger millrace_mark_ddl on ddl_command_end
    when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'ALTER TABLE', 'ALTER TYPE', 'ALTER PUBLICATION')
    execute function millrace.mark_ddl();
  create event trigger millrace_mark_dropped on sql_drop
    when tag in ('DROP TABLE', 'ALTER TABLE', 'DROP TYPE', 'DROP SCHEMA')
    execute function millrace.mark_dropped();
exception when insufficient_privilege then
  raise notice 'this role may not make event triggers: schema changes are not marked for the capture';
end $$;
