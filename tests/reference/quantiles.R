# What R says of quantiles, normal scores and a weighted slope; run by hand:
#   Rscript quantiles.R > quantiles.txt
# One vector per line: its name, then its values.
show <- function(name, x) cat(name, format(x, digits = 17, trim = TRUE), sep = "\t", fill = 1e6)

i <- 1:37
x <- round(6 + 3 * sin(i * 1.7) + 0.05 * i, 3)
show("values", x)
show("type7", quantile(x, probs = seq(0, 1, 0.01), type = 7, names = FALSE))

p <- c(0.001, 0.01, 0.025, 0.1, 0.25, 0.4, 0.5, 0.8, 0.9, 0.999)
show("p", p)
show("qnorm", qnorm(p))

j <- 1:60
mean <- round(8 + 4 * sin(j * 0.9), 3)
sd <- round(1 + 0.6 * cos(j * 2.3), 3)
y <- round(1.5 + 0.72 * mean + 0.4 * sin(j * 5.1), 3)
show("mean", mean)
show("sd", sd)
show("y", y)
show("slope", unname(coef(lm(y ~ mean, weights = 1 / sd^2))[2]))
cat("version\t", R.version.string, "\n", sep = "")
