<?php
// Arrays, strings, exceptions, generators, sorting, regular expressions and compressing libraries of PHP.
function numbers() { for ($i = 0; $i < 20000; $i++) yield $i => $i * 7 % 1009; }
$count = [];
foreach (numbers() as $i => $n) $count[$n] = ($count[$n] ?? 0) + $i;
ksort($count);
$caught = 0;
for ($i = 0; $i < 5000; $i++) { try { if ($i % 3 == 0) throw new Exception("$i"); } catch (Exception $e) { $caught += strlen($e->getMessage()); } }
$text = str_repeat(json_encode($count), 20);
$words = preg_match_all('/"(\d+)":(\d+)/', $text, $found);
usort($found[0], fn($a, $b) => strcmp(strrev($a), strrev($b)));
echo hash('sha256', implode(',', $found[0])), "\n", hash('sha512', gzcompress($text, 6)), "\n", $caught, ' ', $words, ' ', array_sum($count), "\n";
echo shell_exec('echo child');
