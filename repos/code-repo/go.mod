module aver-api

go 1.25.11

require github.com/rabbitmq/amqp091-go v1.12.0
