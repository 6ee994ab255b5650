-- Leave the number of the transaction that this server has just begun; returns nothing.
update commits set number = :number where server = /*SERVER*/
