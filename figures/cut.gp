# SPDX-License-Identifier: GPL-2.0-only
# Bytes over time of one IMAP fetch, MPTCP and TCP, with the first path cut halfway through.
# data: the directory with the measurements; picture: the file to write.
load data . "/cuts.gp"
set terminal svg size 760,320 dynamic font "sans-serif,12" background "#ffffff"
set output picture
set multiplot layout 1,2 margins 0.08,0.985,0.19,0.88 spacing 0.07
set border 3 lc rgb "#666666"
set tics nomirror out textcolor rgb "#333333"
set grid ytics lc rgb "#dddddd" lw 0.5
set key bottom right Left reverse samplen 2 spacing 1.1
set xrange [0:16]
set yrange [0:22]
set xtics 4
set ytics 5
set xlabel "seconds" offset 0,0.3
set style line 1 lc rgb "#1b6ca8" lw 2.5
set style line 2 lc rgb "#c0392b" lw 2.5

do for [how in "silently by_link_down"] {
	set title (how eq "silently" ? "path 1 loses every packet" : "path 1 is set down") offset 0,-0.5
	set ylabel (how eq "silently" ? "MB fetched" : "") offset 1.5
	cut_mptcp = value("cut_mptcp_" . how)
	cut_tcp = value("cut_tcp_" . how)
	set arrow 1 from cut_mptcp, graph 0 to cut_mptcp, graph 1 nohead lc rgb "#1b6ca8" dt 3
	set arrow 2 from cut_tcp, graph 0 to cut_tcp, graph 1 nohead lc rgb "#c0392b" dt 3
	set label 1 "cut" at cut_mptcp, graph 0.97 left offset 0.4,0 textcolor rgb "#1b6ca8"
	set label 2 "cut" at cut_tcp, graph 0.97 left offset 0.4,0 textcolor rgb "#c0392b"
	plot data . "/mptcp-cut_" . how . ".dat" using 1:($2/1e6) with steps ls 1 title "MPTCP, two paths", \
	     data . "/tcp-cut_" . how . ".dat" using 1:($2/1e6) with steps ls 2 title "TCP: hangs"
}
unset multiplot
