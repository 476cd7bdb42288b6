# The Cox-Snell R2 that a C statistic stands for, by R's own integration of the model of
# Riley et al. 2021 (doi:10.1002/sim.8806); run by hand:
#   Rscript sample_size.R > sample_size.txt
rsquared <- function(c_statistic, prevalence) {
  distance <- sqrt(2) * qnorm(c_statistic)
  mean_log_p <- function(x, y, centre) {
    eta <- qlogis(prevalence) + distance * (x - distance / 2)
    plogis(if (y == 1) eta else -eta, log.p = TRUE) * dnorm(x, centre)
  }
  of <- function(y, centre) {
    integrate(mean_log_p, centre - 12, centre + 12, y = y, centre = centre,
              rel.tol = 1e-12, subdivisions = 2000)$value
  }
  null <- prevalence * log(prevalence) + (1 - prevalence) * log(1 - prevalence)
  1 - exp(2 * (null - prevalence * of(1, distance) - (1 - prevalence) * of(0, 0)))
}

cat("c_statistic\tprevalence\trsquared\n")
for (prevalence in c(0.01, 0.174, 0.5, 0.9)) {
  for (c_statistic in c(0.51, 0.65, 0.8, 0.89, 0.999)) {
    value <- format(rsquared(c_statistic, prevalence), digits = 15)
    cat(c_statistic, prevalence, value, sep = "\t", fill = TRUE)
  }
}
