create table hosts (name text);
create table checks (host text, ok integer);
