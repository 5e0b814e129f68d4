-- What stands above the LSN in positions of this database's capture, by its slot. Written by the capture, read with the LSN by whoever hands
-- out positions. No row is epoch 0. The capture makes the table itself in a database without these migrations.
create table if not exists millrace.capture_epochs (
  slot  text primary key,
  epoch smallint not null check (epoch between 0 and 127)
);
