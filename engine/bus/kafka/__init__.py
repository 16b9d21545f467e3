"""The bus on Apache Kafka: topics, the intake as a reader, the outlet as a writer, and CloudEvents on both.

Only this package touches `kafka` (and `confluent_kafka`, which may stand in for it).
"""
