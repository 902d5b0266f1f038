.headers on
PRAGMA threads = 4;
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO t SELECT i, (i * 7919) % 10007, 'row ' || (i * 31 % 977) FROM n;
CREATE INDEX t_b ON t (b, a);
SELECT count(*), sum(a), min(b), max(b) FROM t;
SELECT b, count(*) AS n, sum(a) FROM t GROUP BY b ORDER BY n DESC, b LIMIT 5;
BEGIN;
UPDATE t SET a = a + 1 WHERE id % 3 = 0;
DELETE FROM t WHERE id % 10 = 0;
COMMIT;
SELECT count(*), sum(a) FROM t;
SELECT x.id, y.id FROM t x JOIN t y ON x.b = y.b AND x.id < y.id ORDER BY x.a DESC, x.id, y.id LIMIT 3;
PRAGMA integrity_check;
