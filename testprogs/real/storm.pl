# Hashes, strings, exceptions, and a handler in Perl two thousand times a second.
use strict;
use Time::HiRes qw(setitimer ITIMER_REAL);

my ($ticks, $sum, %count, %text) = (0, 0);
$SIG{ALRM} = sub { $ticks++; $text{$ticks % 7} = "a" x ($ticks % 100) };
setitimer(ITIMER_REAL, 0.0005, 0.0005);
for my $i (1 .. 400000) {
    $count{$i % 997} += $i;
    eval { die "$i\n" if $i % 1000 == 0 };
    $sum += $@ if $@;
}
1 while $ticks < 5;
setitimer(ITIMER_REAL, 0);
$sum += $_ for values %count;
print "$sum\n";
