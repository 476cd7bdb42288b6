# Normalisation factors of libraries of different depth and composition, as printed by edgeR.
#     Rscript normalisation_factors.R > normalisation_factors.csv
# edgeR 3.40.2 (Debian bookworm, r-bioc-edger), R 4.2.2. The first column is what edgeR's RLE
# compares with: the geometric mean of the counts of each feature.
suppressMessages(library(edgeR))
set.seed(2)
features <- 150
level <- exp(rnorm(features, 6, 1.5)) + 50
depth <- c(0.2, 0.5, 1, 3, 10)                          # planted: library sizes 50-fold apart
composition <- c(0, 0, 0.5, -0.5, 0)                    # log2, planted ...
counts <- sapply(seq_along(depth), function(j)
    rpois(features, level * depth[j] * 2^composition[j] * rlnorm(features, 0, 0.3)))
counts <- rbind(c(1e4, 5e5, 2e4, 5e4, 9e6), counts)     # ... and one feature takes what it likes
factors <- calcNormFactors(DGEList(counts), method = "RLE")$samples$norm.factors
table <- rbind(cbind(signif(exp(rowMeans(log(counts))), 12), counts), c(NA, signif(factors, 12)))
colnames(table) <- c("reference", paste0("s", seq_along(depth)))
write.csv(table, row.names = FALSE)
